"""Entities: the same while their fields change."""
