"""One patient's chart: read, fitted, forecast. For research and teaching, never to choose a dose."""
