"""Analysis of what raters and preference models reward, by features of the replies."""
