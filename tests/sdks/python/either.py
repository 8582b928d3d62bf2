"""The sync and the aio halves of the packages have the same names: these take
what either returns, so that each check is written once."""

import inspect
from typing import Any, AsyncIterator

# No check makes lists this long; a nextLink that leads back to its page does.
ENDLESS = 1000


async def do(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


async def items(paged: Any) -> list:
    found = []
    async for item in each(paged):
        found.append(item)
        assert len(found) < ENDLESS, "the list does not end"
    return found


async def pages(paged: Any) -> list[list]:
    return [await items(page) for page in await items(paged.by_page())]


async def each(paged: Any) -> AsyncIterator:
    if hasattr(paged, "__aiter__"):
        async for item in paged:
            yield item
    else:
        for item in paged:
            yield item
