"""A stored run as one HTML file that loads nothing from elsewhere."""
