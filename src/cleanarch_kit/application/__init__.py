"""The application ring: messages and their handlers, the bus, and the ports that adapters fill.

It imports `cleanarch_kit.domain` and `cleanarch_kit.errors`, and no technology.
"""

from cleanarch_kit.application.context import MessageContext, current_context, message_context
from cleanarch_kit.application.handlers import handles, on
from cleanarch_kit.application.in_thread import in_thread
from cleanarch_kit.application.messages import Command, Message, Query, StreamQuery
from cleanarch_kit.application.scope import Resolve, Scope, provide

__all__ = [
    "Command",
    "Message",
    "MessageContext",
    "Query",
    "Resolve",
    "Scope",
    "StreamQuery",
    "current_context",
    "handles",
    "in_thread",
    "message_context",
    "on",
    "provide",
]
