"""The journey of an order with everything side by side that can be: a saga that only tests know."""

from dataclasses import replace

from contexts.coordination.place_order_1 import PLACE_ORDER_1
from contexts.coordination.saga import Together

RESERVE, PAY, SHIP, CAPTURE, COMPLETE = PLACE_ORDER_1.steps

PARALLEL = replace(PLACE_ORDER_1, stages=(Together(RESERVE, PAY), SHIP, Together(CAPTURE, COMPLETE)))
