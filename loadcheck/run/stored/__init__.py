"""A stored run judged again."""
