"""Tables, engines and migrations; the queries live in the rooms that need them."""
