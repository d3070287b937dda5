"""VGG16 in Flax: transfer learning from a few images, and a look inside."""
