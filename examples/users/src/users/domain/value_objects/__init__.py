"""Values: equal by what they hold, checked when they are made."""
