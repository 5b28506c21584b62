"""What people may ask of their data: erasure with proof, and retention that ends."""
