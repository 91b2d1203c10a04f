/// The ways in which a subscriber can disconnect.
package enum Departure: Sendable, CaseIterable {
    case close, reset
    /// It counts as a disconnect while a stream takes long to open, but not later.
    case halfClose

    package static let allCases: [Departure] = [.close, .reset]
    package static let whileOpening: [Departure] = [.close, .reset, .halfClose]

    package func leave(_ client: RawClient) {
        switch self {
        case .close: client.close()
        case .reset: client.reset()
        case .halfClose: client.halfClose()
        }
    }
}
