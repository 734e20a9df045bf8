"""Hold how wide a figure for a paper can be asked for, in inches; needs no matplotlib."""

ARTICLE = round(345 / 72.27, 2)  # the text of LaTeX's class article at 10 pt
LEAST_WIDTH, MOST_WIDTH = 2, 20
