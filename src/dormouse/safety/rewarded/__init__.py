"""What raters and preference models reward: features of replies, and their effects on preferences."""
