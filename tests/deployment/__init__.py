"""What the gateway is deployed with: image, compose file, unit, chart."""
