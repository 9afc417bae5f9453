"""Entities that are objects of SQLAlchemy's ORM: how they are read, compared, written and put back."""
