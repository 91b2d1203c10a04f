/// Waits until `condition` holds, looking every few milliseconds: for what has no event to wait for.
/// - Returns: `false` if it still does not when the time is up.
package func eventually(
    within limit: Duration = .seconds(10), _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return try await condition()
}
