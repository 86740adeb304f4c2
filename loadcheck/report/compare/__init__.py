"""Two stored runs beside each other: what got worse or better beyond noise."""
