"""A tenant leaves: what it takes along, until when, and how it ends."""
