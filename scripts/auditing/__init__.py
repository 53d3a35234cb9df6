"""The auditor: compares what all contexts and both providers say of every order, on a system that is running.

    from auditing import audit

    report = audit(progress=print)
    assert not report.violations, report.violations

Servers are found by their variables, as everywhere (`local_servers.environment()` tells them).
"""

from auditing.auditor import DEFAULT_SETTLE_SECONDS, audit
from auditing.report import Progress, Report, Violation
from operations.errors import ServerAway

__all__ = ["DEFAULT_SETTLE_SECONDS", "Progress", "Report", "ServerAway", "Violation", "audit"]
