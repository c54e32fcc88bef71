"""The routes of the orders API. An order is written before its event, and both may be written again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

import service
from service import READING, WRITING, IdempotentRequest, IfMatch, Listing, Page, Representation

Customer = Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}$", description="A customer's id.", examples=["ann"])]
OrderId = Annotated[UUID, Meta(description="An order's id.", examples=["9e3f6800-d5d2-11f1-9234-0242ac120000"])]
Item = Annotated[str, Meta(min_length=1, max_length=100)]
Total = Annotated[str, Meta(pattern=r"^\d{1,9}\.\d\d$", description="With cents.", examples=["12.50"])]
FOLLOWS = {"paid": "new", "shipped": "paid", "cancelled": "new"}


class NewOrder(Struct, forbid_unknown_fields=True):
    """A new order."""

    items: Annotated[list[Item], Meta(min_length=1, max_length=50)]
    total: Total


class Change(Struct, forbid_unknown_fields=True):
    """An order's next status."""

    status: Literal["paid", "shipped", "cancelled"]


def routes(tables: service.Tables) -> Sequence[service.Route]:
    orders, events, keys = tables.open("orders"), tables.open("order_events"), tables.idempotency("order_requests")
    of_customer, by_id = orders.select("customer_id"), orders.select("customer_id", "order_id")
    of_order = events.select("order_id")
    columns = [column.name for column in orders.description.columns]
    insert, update = orders.insert(*columns, if_not_exists=True), orders.update("status", only_if=["status"])
    remove, log = orders.delete(), events.insert("order_id", "event", "at")
    order = orders.row("Order")
    unknown: dict[type[service.Problem], str] = {service.NotFound: "There is no such order.", **READING}

    async def found(customer_id: str, order_id: UUID) -> Mapping[str, Any]:
        row = await by_id.row(customer_id, order_id)
        if row is None:
            raise service.NotFound(f"Customer {customer_id!r} has no order {order_id}.")
        return row

    @service.get(
        "/customers/{customer_id}/orders", "List orders, newest first", answers=orders.rows("Order"), problems=READING
    )
    async def list_orders(customer_id: Customer, page: Page) -> Listing:
        return await of_customer.page(page, customer_id)

    @service.post("/customers/{customer_id}/orders", "Place an order", answers=order, problems=WRITING, keys=keys)
    async def place_order(customer_id: Customer, body: NewOrder, request: IdempotentRequest) -> service.Created:
        row: Mapping[str, Any] = {
            "customer_id": customer_id,
            "order_id": request.id,
            "items": body.items,
            "total": body.total,
            "status": "new",
            "created_at": request.time,
        }
        placed = await insert(**row)
        await log(order_id=request.id, event="placed", at=request.time)
        location = f"/customers/{customer_id}/orders/{request.id}"
        return service.Created(orders.represent(placed.row or row), location)

    @service.get("/customers/{customer_id}/orders/{order_id}", "Get an order", answers=order, problems=unknown)
    async def get_order(customer_id: Customer, order_id: OrderId) -> Representation:
        return await by_id.one(customer_id, order_id) or orders.represent(await found(customer_id, order_id))

    @service.patch(
        "/customers/{customer_id}/orders/{order_id}",
        "Change the status of an order",
        answers=order,
        problems={**unknown, service.Conflict: "The order's status does not allow this one.", **WRITING},
    )
    async def change_order(customer_id: Customer, order_id: OrderId, body: Change, if_match: IfMatch) -> Representation:
        row = await found(customer_id, order_id)
        if_match.check(orders.represent(row))
        if row["status"] != body.status:  # an equal status is a repeated request
            changed = row["status"] == FOLLOWS[body.status] and await update(
                customer_id=customer_id, order_id=order_id, status=body.status, if_status=row["status"]
            )
            if not changed:
                raise service.Conflict(
                    f"The order is {row['status']}, or was changed meanwhile; it cannot be {body.status}."
                )
        await log(order_id=order_id, event=body.status, at=datetime.now(UTC))
        return orders.represent({**row, "status": body.status})

    @service.delete("/customers/{customer_id}/orders/{order_id}", "Delete an order", problems={**unknown, **WRITING})
    async def delete_order(customer_id: Customer, order_id: OrderId) -> None:
        await found(customer_id, order_id)
        await tables.together(
            remove.of(customer_id=customer_id, order_id=order_id),
            log.of(order_id=order_id, event="deleted", at=datetime.now(UTC)),
        )

    @service.get(
        "/orders/{order_id}/events", "List the events of an order", answers=events.rows("Event"), problems=READING
    )
    async def list_events(order_id: OrderId, page: Page) -> Listing:
        return await of_order.page(page, order_id)

    return [list_orders, place_order, get_order, change_order, delete_order, list_events]
