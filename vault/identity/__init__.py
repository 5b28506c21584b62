"""Who is speaking: tenants, people, tokens of our own and of others, browser sessions."""
