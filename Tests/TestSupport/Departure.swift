/// The ways in which a subscriber can leave.
package enum Departure: Sendable, CaseIterable {
    case close, reset
    /// While its stream is being opened, and that takes long, it is leaving, too; later, it is not.
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
