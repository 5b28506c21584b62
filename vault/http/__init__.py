"""The HTTP door: one table of routes, problems as answers, and the server around them."""
