"""What every part may use: settings and logging. It knows none of the parts."""
