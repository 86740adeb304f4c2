"""What `make bench` measures: loadcheck beside other load tools, in one run on one machine."""
