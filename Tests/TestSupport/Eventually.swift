import Glibc

/// Waits until `condition` holds, checking every few milliseconds: for conditions without an event.
/// - Returns: `false` after a timeout.
package func eventually(
    within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return try await condition()
}

/// The same for a test that blocks its thread.
package func blockingEventually(within limit: Duration = .seconds(10), _ condition: () throws -> Bool) rethrows -> Bool
{
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try condition() { return true }
        usleep(2000)
    }
    return try condition()
}
