"""Other people's formats, in and out: one file a format, each with a ``FORMAT`` that `formats.formats` finds."""
