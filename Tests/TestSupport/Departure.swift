/// The ways in which a subscriber can leave.
package enum Departure: CaseIterable, Sendable {
    case close, reset, halfClose

    package func leave(_ client: RawClient) {
        switch self {
        case .close: client.close()
        case .reset: client.reset()
        case .halfClose: client.halfClose()
        }
    }
}
