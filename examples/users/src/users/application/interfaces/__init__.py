"""The ports: what the use cases need, in their own words."""
