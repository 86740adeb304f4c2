"""Every exchange of a run judged as it comes: truths, writes, canaries, and what could not be seen."""
