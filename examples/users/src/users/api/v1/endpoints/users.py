from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from cleanarch_kit.adapters.fastapi import PageDep, problem_responses
from users.api.dependencies import UserServiceDep
from users.api.v1.schemas import NewUser, RoleChange, Search, UserPage
from users.application.queries.list_users import ListUsers
from users.application.queries.user_profile import UserProfile
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_id import UserId

__all__ = ["router"]

router = APIRouter(prefix="/users", tags=["users"])


@router.post("", status_code=status.HTTP_201_CREATED, responses=problem_responses(409))
async def register(new_user: NewUser, request: Request, response: Response, service: UserServiceDep) -> UserProfile:
    """Make somebody a user."""
    registered = await service.register(new_user.email, new_user.name, new_user.password)
    response.headers["Location"] = f"{request.url.path}/{registered.id}"
    return registered


@router.get("")
async def list_users(
    service: UserServiceDep,
    page: PageDep,
    search: Search | None = None,
    role: Role | None = None,
    is_active: bool | None = None,
    sort: Annotated[str | None, Query(description="`name`, `email`, `created`; with `-` in front: descending.")] = None,
) -> UserPage:
    """Users, the newest first; a search finds parts of names and e-mail addresses."""
    return UserPage.of(await service.list(ListUsers(page, search, role, is_active, sort)))


@router.get("/{user_id}", responses=problem_responses(404))
async def profile(user_id: UserId, service: UserServiceDep) -> UserProfile:
    """One user."""
    return await service.profile(user_id)


@router.post("/{user_id}/activate", responses=problem_responses(404, 409))
async def activate(user_id: UserId, service: UserServiceDep) -> UserProfile:
    """Let a user use the service again."""
    return await service.activate(user_id)


@router.post("/{user_id}/deactivate", responses=problem_responses(404, 409))
async def deactivate(user_id: UserId, service: UserServiceDep) -> UserProfile:
    """Keep a user from using the service."""
    return await service.deactivate(user_id)


@router.put("/{user_id}/role", responses=problem_responses(404, 409))
async def change_role(user_id: UserId, change: RoleChange, service: UserServiceDep) -> UserProfile:
    """Give a user another role."""
    return await service.change_role(user_id, change.role)
