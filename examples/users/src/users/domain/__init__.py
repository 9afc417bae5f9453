"""What a user is, whatever the service is built with. Imports nothing but cleanarch_kit.domain and .errors."""
