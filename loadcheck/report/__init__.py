"""What people read: the live view, the plain lines, the end report."""
