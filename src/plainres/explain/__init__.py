"""What becomes of networks with depth, and why: measured, drawn and said, beyond the report."""
