import logging
import logging.config

from cleanarch_kit.application import current_context

__all__ = ["CorrelationFilter", "configure_logging"]


class CorrelationFilter(logging.Filter):
    """Puts the correlation id of the message that is being handled on each record, or a dash."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        context = current_context()
        record.correlation_id = "-" if context is None else context.correlation_id
        return True


def configure_logging(level: str) -> None:
    """Log to standard error, each line with its correlation id. What other libraries set up stays as it is."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"correlation": {"()": CorrelationFilter}},
            "formatters": {
                "line": {"format": "%(asctime)s %(levelname)s %(name)s [%(correlation_id)s] %(message)s"},
            },
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["correlation"]},
            },
            "root": {"level": level, "handlers": ["stderr"]},
        }
    )
