from fastapi import APIRouter

from users.api.v1.endpoints import users

__all__ = ["router"]

router = APIRouter(prefix="/api/v1")
router.include_router(users.router)
