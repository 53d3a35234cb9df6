"""The journey of an order with everything side by side that can be: a saga that only tests know."""

from dataclasses import replace

from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.saga import Together

RESERVE, PAY, SHIP, CAPTURE, COMPLETE = PLACE_ORDER.steps

PARALLEL = replace(PLACE_ORDER, stages=(Together(RESERVE, PAY), SHIP, Together(CAPTURE, COMPLETE)))
