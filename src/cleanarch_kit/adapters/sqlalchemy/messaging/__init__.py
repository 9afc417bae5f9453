"""How events lie in tables, and how they are held while they are sent."""
