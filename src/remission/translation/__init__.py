"""What a translator needs: every text of a language, work files to fill in, checks, and what is missing or old."""
