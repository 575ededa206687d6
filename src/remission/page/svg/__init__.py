"""Pictures as SVG text: pure functions, no style attributes, real text, colours by class (static/svg.css)."""
