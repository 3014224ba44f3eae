/**
 * Facts of the network device.
 *
 * Source: VIRTIO 1.2, "Network Device".
 *
 * @module
 */

export const NET_QUEUE_RECEIVE = 0;
export const NET_QUEUE_TRANSMIT = 1;

/** Header before every frame, both ways, `num_buffers` included: so since VERSION_1. */
export const NET_HEADER_SIZE = 12;
/** Offset of `flags` in the header. */
export const NET_HEADER_FLAGS = 0;
/** Offset of `gso_size`, u16, in the header. */
export const NET_HEADER_GSO_SIZE = 4;
/** Offset of `csum_start`, u16, in the header. */
export const NET_HEADER_CSUM_START = 6;
/** Offset of `csum_offset`, u16, in the header. */
export const NET_HEADER_CSUM_OFFSET = 8;
/** Offset of `num_buffers`, u16, in the header. */
export const NET_HEADER_BUFFERS = 10;

/** Flag: the checksum is partial, and `csum_start` and `csum_offset` say what to add to it. */
export const NET_FLAG_NEEDS_CSUM = 1;
/** Flag, from devices alone: the checksum was found right. */
export const NET_FLAG_DATA_VALID = 2;
/** Flag, from devices alone: the frame was put together from several. */
export const NET_FLAG_RSC_INFO = 4;

/** Offsets in the configuration. */
export const NET_CONFIG_MAC = 0;
export const NET_CONFIG_STATUS = 6;
export const NET_CONFIG_MTU = 10;
/** Bytes of the configuration that this machine has. */
export const NET_CONFIG_SIZE = 12;

/** Configuration status: the link is up. */
export const NET_STATUS_LINK_UP = 1;

export const MAC_SIZE = 6;
/** Bytes of a TCP or UDP checksum. */
export const CHECKSUM_SIZE = 2;
/** Bytes of an Ethernet header: a frame is this much longer than its IP packet. */
export const ETHERNET_HEADER_SIZE = 14;
/** Smallest packet that an IPv4 link carries. Source: RFC 791. */
export const MTU_MIN = 68;
/** Largest packet that an IPv4 length field can say. */
export const MTU_MAX = 65535;
