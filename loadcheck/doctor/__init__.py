"""The doctor: a look at target, database and pooler before any load, without changing anything."""
