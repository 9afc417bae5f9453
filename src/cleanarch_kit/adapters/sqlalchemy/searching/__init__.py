"""From criteria and orderings to SQL."""
