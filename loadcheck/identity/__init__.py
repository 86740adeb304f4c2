"""Claims, and the tokens signed from them."""
