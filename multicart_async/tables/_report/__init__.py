"""The report on a mirror: one HTML file. `data` is what is shown, `gathering` reads it, and the rest renders without I/O."""
