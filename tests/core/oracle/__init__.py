"""The core as it was before, and what compares it with today's: this folder may be deleted as a whole."""
