"""The page: what the treatment is and does, to read and to see (`remission serve`)."""
