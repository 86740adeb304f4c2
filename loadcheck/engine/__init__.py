"""The load engine: what is sent, when, through which transport."""
