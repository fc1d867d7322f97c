"""What a report says about a zoo."""
