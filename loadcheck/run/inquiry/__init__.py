"""After the load: findings asked again, explained, and shrunk to the fewest exchanges."""
