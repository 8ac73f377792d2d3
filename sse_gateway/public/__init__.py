"""The public server: its routes, who is admitted, and the answers to everyone else."""
